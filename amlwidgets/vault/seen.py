"""What was seen of a workspace's key vault. What could not be looked at says why."""

from __future__ import annotations

from dataclasses import dataclass, field

from amlwidgets.vault.permissions import ALL_BUT_PURGE

POLICIES, ROLES = "policies", "roles"
_NEEDED = ("get", "list", "set", "delete")
"""What a workspace does with its secrets every day."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An entry of the access policies.

    Attributes:
        object_id: Whose it is.
        permissions: By ``secrets``, ``keys`` and ``certificates``, in lower case.
    """

    object_id: str
    permissions: dict[str, tuple[str, ...]]

    def has(self, kind: str, permission: str) -> bool:
        """Whether it gives a permission."""
        given = self.permissions.get(kind, ())
        return permission.lower() in given or "all" in given

    @property
    def opens_secrets(self) -> bool:
        """Whether it is enough for what a workspace does with its secrets."""
        return all(self.has("secrets", permission) for permission in _NEEDED)

    def missing(self, kind: str) -> list[str]:
        """Return what it lacks of that which the service writes for a workspace."""
        return [permission for permission in ALL_BUT_PURGE[kind] if not self.has(kind, permission)]


@dataclass(frozen=True, slots=True)
class Firewall:
    """The network rules of a vault.

    Attributes:
        denies: Whether networks that are not named are refused.
        bypass: Whether trusted services pass all the same.
        public: Whether it can be reached without a private endpoint.
        endpoints: Number of approved private endpoints.
    """

    denies: bool = False
    bypass: bool = True
    public: bool = True
    endpoints: int = 0

    @property
    def lets_services_in(self) -> bool:
        """Whether Azure ML reaches the vault."""
        if not self.public:
            return self.bypass or self.endpoints > 0
        return not self.denies or self.bypass


@dataclass(frozen=True, slots=True)
class Built:
    """The newest image of a workspace: its name, state, and when it was asked for (seconds since 1970)."""

    name: str
    state: str
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at. None or an empty text is not known, and ``why`` tells the reason.

    Attributes:
        workspace: Name.
        group: Its resource group.
        vault_id: ARM identifier of its vault.
        identity: Object id of its identity.
        own_identity: Whether that is a user-assigned one.
        exists: Whether the vault is there.
        location: Region of the vault.
        mode: ``"policies"`` or ``"roles"``.
        holders: Entries of the access policies.
        roles: Names of the identity's roles on the vault.
        opens: Whether one of them opens secrets.
        firewall: Network rules.
        deleted: Whether a deleted vault holds the name.
        built: The newest image.
        looked: Whether images were looked at.
        why: Reason by what is unknown: ``vault``, ``identity``, ``roles``, ``deleted``, ``images``.
    """

    workspace: str = ""
    group: str = ""
    vault_id: str = ""
    identity: str = ""
    own_identity: bool = False
    exists: bool | None = None
    location: str = ""
    mode: str = ""
    holders: tuple[Holder, ...] | None = None
    roles: tuple[str, ...] | None = None
    opens: bool = False
    firewall: Firewall | None = None
    deleted: bool | None = None
    built: Built | None = None
    looked: bool = False
    why: dict[str, str] = field(default_factory=dict)

    @property
    def vault(self) -> str:
        """Name of the vault."""
        return self.vault_id.rpartition("/")[2]

    @property
    def vault_group(self) -> str:
        """Resource group of the vault, which need not be the workspace's."""
        parts = self.vault_id.split("/")
        return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - /subscriptions/S/resourceGroups/G/…

    @property
    def entry(self) -> Holder | None:
        """The identity's own entry in the access policies."""
        mine = self.identity.lower()
        return next((holder for holder in self.holders or () if mine and holder.object_id.lower() == mine), None)

    @property
    def has_access(self) -> bool | None:
        """Whether the identity opens the vault's secrets; None when that is not known."""
        if not self.identity or not self.mode:
            return None
        if self.mode == ROLES:
            return None if self.roles is None else self.opens
        return None if self.holders is None else self.entry is not None and self.entry.opens_secrets
