"""Look at every image of a set, as the graph looks at an upload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from detectors.contracts import Measurement, Status
from docfraud.contracts import Page
from evaluation.errors import EvaluationError
from evaluation.items import Item
from evaluation.pictures import LIMITS, decode
from media.errors import MediaError
from offline.files import FileError, opened

See = Callable[[Page], Measurement]
"""What looks; called from several threads. A :class:`detectors.runner.Runner` is one."""

Progress = Callable[[int, int], None]
"""Called with the images that are done, and all of them."""

MISSING = "file-missing"


def look(
    items: Sequence[Item],
    see: See,
    *,
    jobs: int = 1,
    on_progress: Progress = lambda done, of: None,
) -> list[Measurement]:
    """Look at images.

    Args:
        items: one or more.
        see: what looks.
        jobs: images that are looked at at once, in threads.
        on_progress: told after each image.

    Returns:
        What was found, in the order of ``items``. An image that cannot be read or decoded is
        ``unavailable``, with the code of the refusal as the reason.

    Raises:
        EvaluationError: none of the files is there, or ``see`` lacks its weights.
    """
    with ThreadPoolExecutor(jobs) as pool:
        try:
            tasks = [pool.submit(_one, item, see) for item in items]
            for done, _ in enumerate(as_completed(tasks), start=1):
                on_progress(done, len(tasks))
        finally:  # an interrupted run waits for the images under way only
            pool.shutdown(cancel_futures=True)
    found = [task.result() for task in tasks]
    if all(MISSING in one.reasons for one in found):
        raise EvaluationError(f"none of the {len(items)} files is there, {items[0].location}")
    if lasting := next((one for one in found if one.lasting), None):
        raise EvaluationError(f"this cannot be measured here: {', '.join(lasting.reasons)}")
    return found


def _one(item: Item, see: See) -> Measurement:
    try:
        with opened(item.location) as (stream, size):
            LIMITS.check_bytes(size)
            data = bytes(stream.read())
        page = Page.of(decode(data))
    except (FileError, MediaError) as error:
        return Measurement(status=Status.UNAVAILABLE, reasons=(error.code,))
    return see(page)


def counted(found: Iterable[Measurement]) -> dict[str, dict[str, int]]:
    """Count the statuses of all, and the reasons of those that are not ``ok``."""
    found = list(found)
    reasons = Counter(word for one in found if one.status is not Status.OK for word in one.reasons)
    return {
        "statuses": dict(sorted(Counter(str(one.status) for one in found).items())),
        "reasons": dict(sorted(reasons.items())),
    }
