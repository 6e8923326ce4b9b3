"""One verdict as it is remembered, and the form in which it waits on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

from fusion.verdict import Verdict
from sessions.errors import BrokenRecord
from sessions.idempotency import Claim

SESSION_ID = r"[0-9a-f]{32}"
"""Pattern of every session's id; also the name of a file, which is why others are refused."""

FORM = 1


@dataclass(frozen=True, slots=True)
class Record:
    """A verdict with what is needed to keep, find and delete it.

    Attributes:
        verdict: as it was decided.
        body: the JSON that the client got, byte for byte.
        subject: keyed digest of the subject's name (:func:`fusion.enforcement.pseudonym`), or
            None where the client named nobody.
        expires_at: UTC; the record is deleted then.
        claim: the idempotency key that this verdict answers, if any.
    """

    verdict: Verdict
    body: bytes
    subject: str | None
    expires_at: datetime
    claim: Claim | None = None

    @property
    def session_id(self) -> str:
        """Of the verdict."""
        return self.verdict.session_id

    def to_bytes(self) -> bytes:
        """Return the form on disk: one line of JSON about the record, then the body."""
        claim = self.claim
        head = {
            "form": FORM,
            "sha256": hashlib.sha256(self.body).hexdigest(),
            "subject": self.subject,
            "expires_at": self.expires_at.isoformat(),
            "claim": claim and {**asdict(claim), "expires_at": claim.expires_at.isoformat()},
        }
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def from_bytes(cls, content: bytes) -> Record:
        """Read the form on disk.

        Raises:
            BrokenRecord: it is cut off, damaged, or of another form.
        """
        head_line, _, body = content.partition(b"\n")
        try:
            head = json.loads(head_line)
            if head["form"] != FORM:
                raise BrokenRecord(f"form {head['form']} is not {FORM}")
            if head["sha256"] != hashlib.sha256(body).hexdigest():
                raise BrokenRecord("the body is not the one that was written")
            claim = head["claim"]
            return cls(
                verdict=Verdict.from_json(body),
                body=body,
                subject=head["subject"],
                expires_at=datetime.fromisoformat(head["expires_at"]),
                claim=claim
                and Claim(**{**claim, "expires_at": datetime.fromisoformat(claim["expires_at"])}),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise BrokenRecord(f"not a record: {type(error).__name__}") from None
