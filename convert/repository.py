"""A signed repository of model packages on disk, as The Update Framework has it: made, added to, signed anew.

root.json               what a bin is given once: the newest root
metadata/               N.root.json, N.targets.json, N.snapshot.json, timestamp.json
targets/                SHA256.NAME-VERSION.tar, SHA256.head-MODEL-RELEASE.npz
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from convert.signing import ROLES, KeyFolder
from edge import manifest, updates
from edge.adapters.archive import pack
from edge.adapters.files import write_atomic
from edge.errors import UpdateError
from edge.head import from_bytes
from edge.updates import About, AnyOffer, HeadAbout, HeadOffer, Offer

# A bin takes nothing from a repository that was not signed anew for so long: nobody can hold it back with old files.
DAYS = {"root": 730, "targets": 365, "snapshot": 30, "timestamp": 30}
NO_REPOSITORY = "{folder}: no repository, or a damaged one ({error}); `smartbin-convert publish keys` begins one"
DUE_DAYS = 90  # root and targets are renewed when less is left
SUFFIX = {"model": ".tar", "head": ".npz"}
KINDS: dict[str, type[Root | Targets | Snapshot | Timestamp]] = {
    "root": Root,
    "targets": Targets,
    "snapshot": Snapshot,
    "timestamp": Timestamp,
}


class Repository:
    """One folder. now: the time that versions are signed at. Every method may raise UpdateError."""

    def __init__(self, folder: Path, keys: KeyFolder, now: datetime) -> None:
        self.folder = folder
        self._keys = keys
        self._now = now.replace(microsecond=0)

    def begin(self) -> None:
        """A new one, with the keys that lie in the key folder or are made now."""
        if (self.folder / "metadata").exists():
            raise UpdateError(f"{self.folder}: there is a repository already; choose another folder")
        root = Root()
        for role in ROLES:
            if not self._keys.has(role):
                self._keys.make(role)
                self._keys.replace(role)
            root.add_key(self._keys.signer(role).public_key, role)
        root.version = 0  # the first that is written is 1
        self._write(Metadata(root))
        for role in ("targets", "snapshot", "timestamp"):
            fresh = KINDS[role]()
            fresh.version = 0
            self._write(Metadata(fresh))

    def add(self, folder: Path) -> AnyOffer:
        """A model folder, or the file of a taught head, as the newest release. Raises ModelError too: it is damaged."""
        if folder.is_file():
            content = folder.read_bytes()
            about: About | HeadAbout = self._about_head(folder, content)
        else:
            about, content = self._about(manifest.load(folder), folder), pack(folder)
        offer = Offer(about, "", 0) if isinstance(about, About) else HeadOffer(about, "", 0)
        offer = replace(offer, path=f"{offer.package}{SUFFIX[about.kind]}", length=len(content))
        metadata: Metadata[Targets] = self._read("targets")
        digest = hashlib.sha256(content).hexdigest()
        signed = {target.hashes["sha256"] for path, target in self._ever() if path == offer.path}
        if offer.path in metadata.signed.targets or signed - {digest}:
            # a bin that has a package of this name fetches no other
            raise UpdateError(
                f"{offer.path} is or was there already: raise the version (`smartbin-convert package --version`)"
            )
        custom = {"custom": about.model_dump(mode="json")}
        write_atomic(_made(self.folder / "targets") / f"{digest}.{offer.path}", content)
        metadata.signed.targets[offer.path] = TargetFile(len(content), {"sha256": digest}, offer.path, custom)
        self._write(metadata)
        self._sign_on()
        return offer

    def withdraw(self, package: str) -> None:
        """Bins do not get it any more; those that run it get the release before it."""
        metadata: Metadata[Targets] = self._read("targets")
        known = {offer.package: offer.path for offer in self.offers()}
        if package not in known:
            raise UpdateError(f"there is no {package}; it holds {', '.join(known) or 'nothing'}")
        del metadata.signed.targets[known[package]]
        self._write(metadata)
        self._sign_on()

    def refresh(self) -> Sequence[str]:
        """Sign snapshot and timestamp anew, and root and targets when they are due; what is due and has no key here."""
        waiting = []
        for role in ("root", "targets"):
            metadata = self._read(role)
            rotated = metadata.signatures.keys().isdisjoint(self._read("root").signed.roles[role].keyids)
            if not rotated and metadata.signed.expires - self._now > timedelta(days=DUE_DAYS):
                continue
            if self._keys.has(role):
                self._write(metadata)
            else:
                waiting.append(f"{role} ends on {metadata.signed.expires:%Y-%m-%d}: refresh with its key before")
        self._sign_on()
        return waiting

    def rotate(self, role: str) -> int:
        """Another key for a role; the version of the root that says so. Bins follow by themselves."""
        metadata: Metadata[Root] = self._read("root")
        old = self._signer("root")
        new = self._keys.make(role).public_key
        for keyid in [*metadata.signed.roles[role].keyids]:
            if keyid != new.keyid:
                metadata.signed.revoke_key(keyid, role)
        metadata.signed.add_key(new, role)
        if role == "root":
            # who trusts the old key must be able to follow: both sign
            self._write(metadata, also=self._keys.make("root"))
        else:
            self._write(metadata, by=old)
        self._keys.replace(role)
        if role == "targets":
            self._write(self._read("targets"))
        self._sign_on()
        return metadata.signed.version

    def offers(self) -> Sequence[AnyOffer]:
        """What it holds, the newest first."""
        signed = self._read("targets").signed
        assert isinstance(signed, Targets)
        read = (updates.read(path, target.length, target.custom) for path, target in signed.targets.items())
        return sorted((offer for offer in read if offer), key=lambda offer: -offer.about.release)

    def expiries(self) -> dict[str, datetime]:
        """Until when what each role signed holds."""
        return {role: self._read(role).signed.expires for role in ROLES}

    def _ever(self) -> Iterator[tuple[str, TargetFile]]:
        """Every package that was ever signed, by its path; one that was signed again comes again."""
        for version in (self.folder / "metadata").glob("*.targets.json"):
            yield from self._load(version).signed.targets.items()

    def _about(self, model: manifest.Manifest, folder: Path) -> About:
        fields: dict[str, Any] = {
            "kind": "model",
            "name": model.name,
            "version": model.version,
            "labels": model.labels,
            "size": sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
            "sha256": model.sha256,
        }
        try:
            return About.model_validate({**fields, **self._next()})
        except ValueError as error:
            raise UpdateError(f"{folder}: cannot be published: {error}") from error

    def _about_head(self, path: Path, content: bytes) -> HeadAbout:
        try:
            taught = from_bytes(content).about
            fields: dict[str, Any] = {
                "kind": "head",
                "model_sha256": taught.model_sha256,
                "labels": taught.labels,
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            return HeadAbout.model_validate({**fields, **self._next()})
        except ValueError as error:
            raise UpdateError(f"{path}: cannot be published: {error}") from error

    def _next(self) -> dict[str, Any]:
        ever = (updates.read(path, target.length, target.custom) for path, target in self._ever())
        release = 1 + max((offer.about.release for offer in ever if offer), default=0)
        return {"release": release, "published": self._now}

    def _sign_on(self) -> None:
        """Snapshot names the targets, timestamp the snapshot: with the last file bins see the new state, not before."""
        snapshot: Metadata[Snapshot] = self._read("snapshot")
        snapshot.signed.meta["targets.json"] = MetaFile(self._read("targets").signed.version)
        self._write(snapshot)
        timestamp: Metadata[Timestamp] = self._read("timestamp")
        timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
        self._write(timestamp)

    def _read(self, role: str) -> Metadata[Any]:
        return self._load(_newest(self.folder / "metadata", role))

    def _load(self, path: Path) -> Metadata[Any]:
        try:
            return Metadata.from_bytes(path.read_bytes())
        except (OSError, RepositoryError) as error:
            raise UpdateError(NO_REPOSITORY.format(folder=path.parent, error=error)) from error

    def _signer(self, role: str) -> CryptoSigner:
        """The role's key, when it is the one that bins know."""
        if not (self.folder / "root.json").exists():
            return self._keys.signer(role)
        known = self._read("root").signed.roles[role].keyids
        if self._keys.signer(role).public_key.keyid not in known and self._keys.made(role) in known:
            self._keys.replace(role)  # a rotation that was stopped halfway
        signer = self._keys.signer(role)
        if signer.public_key.keyid not in known:
            raise UpdateError(f"the key for {role} is not the one that {self.folder / 'root.json'} names; see --keys")
        return signer

    def _write(self, metadata: Metadata[Any], by: Any = None, also: Any = None) -> None:
        """The next version, signed."""
        signed = metadata.signed
        signed.version += 1
        signed.expires = self._now + timedelta(days=DAYS[signed.type])
        metadata.signatures.clear()
        metadata.sign(by or self._signer(signed.type))
        if also is not None:
            metadata.sign(also, append=True)
        content = metadata.to_bytes(JSONSerializer(compact=False))
        name = "timestamp.json" if signed.type == "timestamp" else f"{signed.version}.{signed.type}.json"
        write_atomic(_made(self.folder / "metadata") / name, content)
        if signed.type == "root":
            write_atomic(self.folder / "root.json", content)


def _newest(folder: Path, role: str) -> Path:
    if role == "timestamp":
        return folder / "timestamp.json"
    versions = [int(path.name.partition(".")[0]) for path in folder.glob(f"[0-9]*.{role}.json")]
    return folder / f"{max(versions, default=1)}.{role}.json"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
