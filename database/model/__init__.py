"""What the repositories give and take: frozen dataclasses, checked before anything is sent."""

from database.model.audit import AuditRecord
from database.model.configuration import SystemSetting
from database.model.conversation import Conversation, Message
from database.model.document import DocumentChunk
from database.model.extension import (
    Extension,
    ExtensionEvent,
    ExtensionMetric,
    ExtensionPermission,
    ExtensionSetting,
)
from database.model.memory import Memory
from database.model.page import Page
from database.model.profile import Profile, ProfileChange

__all__ = [
    "AuditRecord",
    "Conversation",
    "DocumentChunk",
    "Extension",
    "ExtensionEvent",
    "ExtensionMetric",
    "ExtensionPermission",
    "ExtensionSetting",
    "Memory",
    "Message",
    "Page",
    "Profile",
    "ProfileChange",
    "SystemSetting",
]
