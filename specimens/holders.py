"""Holders who do not exist, drawn from a seed. They live in Utopia (UTO), as ICAO's do."""

from __future__ import annotations

from datetime import date, timedelta

from docfraud.contracts import Fields
from specimens.rng import generator

STATE = "UTO"
"""The code that ICAO Doc 9303 keeps for specimens: no state has it."""

TODAY = date(2026, 1, 1)
"""The day on which the specimens are looked at: a constant, so that a seed gives one document."""

SURNAMES = (
    "ALBRECHTSEN", "ANDERSSON", "BAJRAMI", "BRONTË", "BÖTTCHER", "CHÂTELAIN", "CSÁSZÁR", "DA SILVA",
    "DE LA CRUZ", "DVOŘÁK", "DÜRRMÜLLER", "ERIKSSON", "FARKAŠOVÁ", "GARCÍA-MÁRQUEZ", "GROSS",
    "HOLMBERG", "IBAÑEZ", "JANKOWSKI", "KOVAČEVIĆ", "KŁOSOWSKA", "LEFÈVRE", "LINDQVIST",
    "MAKINDE", "MONTGOMERY", "MÜLLER", "NAKAMURA", "NIELSEN", "NOVÁKOVÁ", "NUÑEZ", "O'CONNELL",
    "OKONKWO", "ØSTERGÅRD", "PETROVIĆ", "PÉREZ", "QUINTANA", "RASMUSSEN", "RÖNTGEN", "SAINT-CLAIR",
    "SCHÖNFELD", "SMITH", "STRAUß", "SZABÓ", "TANAKA", "TREMBLAY", "UDDIN", "VAN DER BERG",
    "VÄISÄNEN", "WEIß", "WIŚNIEWSKA", "YILDIZ", "ÅKESSON", "ÇELİK", "ÞÓRSDÓTTIR", "ŽUPAN",
)  # fmt: skip

GIVEN_NAMES = {
    "F": (
        "AÏCHA", "ALICE", "ANNA MARIA", "BEATRIZ", "BRONISŁAWA", "CHLOÉ", "ELIF", "EMMA",
        "FRANÇOISE", "GRETA", "HANA", "INÊS", "JOSÉPHINE", "KATEŘINA", "LÆRKE", "LUCÍA", "MAËLLE",
        "MARIE-CLAIRE", "NGOZI", "OLIVIA", "RENÉE", "SIÂN", "SOPHIE", "SØLVI", "YUKI", "ZOË",
    ),
    "M": (
        "ANDRÉ", "BJÖRN", "CARLOS", "DAVID", "EMEKA", "FRANÇOIS", "GÜNTHER", "HÅKON", "ISMAËL",
        "JAMES", "JEAN-LUC", "JIŘÍ", "KAROL", "LÉO", "LUKÁŠ", "MICHAEL", "NILS", "ÓSCAR",
        "PETER JOHN", "RAFAEL", "SEÁN", "SØREN", "THOMAS", "TOMÁŠ", "WŁADYSŁAW", "ÞÓRR",
    ),
}  # fmt: skip

_NUMBER = "0123456789BCDFGHJKLMNPRTVWXYZ"
"""Digits, and letters that do not spell words."""


def holder(seed: int) -> Fields:
    """Draw a holder of 18 to 85 years, with a document that is valid at :data:`TODAY`.

    Returns:
        every field of :data:`docfraud.contracts.FIELDS`; names in their own letters.
    """
    rng = generator("holder", seed)
    sex = str(rng.choice(["F", "M"]))
    birth = TODAY - timedelta(days=int(rng.integers(18 * 366, 85 * 365)))
    issue = TODAY - timedelta(days=int(rng.integers(30, 9 * 365)))
    expiry = years_on(issue, 10) - timedelta(days=1)
    return {
        "surname": str(rng.choice(SURNAMES)),
        "given_names": str(rng.choice(GIVEN_NAMES[sex])),
        "document_number": "".join(rng.choice(list(_NUMBER), 9)),
        "birth_date": birth.isoformat(),
        "expiry_date": expiry.isoformat(),
        "issue_date": issue.isoformat(),
        "sex": sex,
        "nationality": STATE,
        "issuer": STATE,
        "personal_number": "".join(rng.choice(list("0123456789"), 10)),
    }


def years_on(day: date, years: int) -> date:
    """Move a day by whole years; the 29th of February becomes the 28th."""
    if (day.month, day.day) == (2, 29):
        day = day.replace(day=28)
    return day.replace(year=day.year + years)
