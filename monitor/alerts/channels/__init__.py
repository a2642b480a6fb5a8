"""Where notices go: a channel each file."""

from monitor.alerts.channels.base import Channel, Undelivered
from monitor.alerts.channels.log import LogChannel
from monitor.alerts.channels.mail import MailChannel
from monitor.alerts.channels.webhook import WebhookChannel

__all__ = ["Channel", "LogChannel", "MailChannel", "Undelivered", "WebhookChannel"]
