"""Whether an engine's connections are encrypted, and with whose certificate its server is verified."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import FilePath, SecretStr, model_validator

from database.settings.fields import EngineSettings, choices, named
from database.settings.url import Url, parse

_ENCRYPTED = ("https", "rediss")


class EncryptedSettings(EngineSettings):
    """An engine that is told by its URL's scheme, or by a variable of its own; where both are set, they have to agree."""

    # The variable of its own, and the option of its URL that names the authority's certificate.
    flag: ClassVar[str] = ""
    url_authority: ClassVar[str] = ""

    url: SecretStr | None = None
    # Without one, the authorities that the machine knows.
    authority: FilePath | None = named("KAREN_CA_CERTIFICATE", default=None)

    @property
    def secure(self) -> bool:
        """Whether connections are encrypted, and the server is verified."""
        asked = self.asked()
        return bool(asked if asked is not None else self._of_url())

    def asked(self) -> bool | None:
        """Return what the variable of its own says, None if it is not set."""
        return None

    @property
    def ca_certificate(self) -> Path | None:
        """Return where the certificate of the servers' authority is."""
        url = self._parsed()
        named_in_url = dict(url.options).get(self.url_authority) if url else None
        return Path(named_in_url) if named_in_url else self.authority

    def _of_url(self) -> bool | None:
        url = self._parsed()
        return None if url is None else url.scheme in _ENCRYPTED

    def _parsed(self) -> Url | None:
        return parse(self.url.get_secret_value(), "url", self.schemes) if self.url else None

    @model_validator(mode="after")
    def _check_encryption(self) -> Self:
        asked, of_url, names = self.asked(), self._of_url(), choices(type(self).model_fields["url"])
        if asked is not None and of_url is not None and asked != of_url:
            raise ValueError(f"{names[0]} and {self.flag} do not agree; allowed: both with encryption, or both without")
        path = self.ca_certificate
        if self.secure and path is not None and not path.is_file():
            raise ValueError(f"{names[0]} has {self.url_authority}={path}; allowed: a file that exists")
        return self
