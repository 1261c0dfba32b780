"""What the driver's error numbers (Xid) mean, in words; the numbers are those of NVIDIA's catalogue of Xid errors."""

from __future__ import annotations

from typing import Final

from aienv_gui.core.wording import Text, tr

_PROGRAM: Final = (13, 31, 43, 45, 68, 69, 109)
_MEMORY: Final = (48, 63, 64, 92, 94, 95, 171, 172)
_FIRMWARE: Final = (61, 62, 119, 120, 121)
_LINK: Final = (74, 80, 137, 149)
_GONE: Final = (79,)


def xid_words(code: int) -> tuple[Text, Text]:
    """What an error means, and what to do."""
    if code in _GONE:
        return (
            tr(
                "The card fell off the bus (Xid {code}): it lost its power or its contact, or it was too hot.",
                code=code,
            ),
            tr("Shut the computer down, check the card's seat, power cables and cooling, and switch it on again."),
        )
    if code in _MEMORY:
        return (
            tr("The card's memory has an error (Xid {code}).", code=code),
            tr("Restart the computer. If the error comes back, have the card checked or replaced."),
        )
    if code in _FIRMWARE:
        return (
            tr("The card's own control program stopped (Xid {code}).", code=code),
            tr("Restart the computer. If it happens again, update the NVIDIA driver."),
        )
    if code in _LINK:
        return (
            tr("The connection between the cards has errors (Xid {code}).", code=code),
            tr("Restart the computer. If it happens again, have the NVLink bridge or the card checked."),
        )
    if code in _PROGRAM:
        return (
            tr("A program on the card was stopped because of an error (Xid {code}).", code=code),
            tr("Start that program again. If other programs fail too, restart the computer and check the card."),
        )
    return (
        tr("The driver reports an error of the card (Xid {code}).", code=code),
        tr("Restart the computer. If it happens again, look the number up in NVIDIA's list of Xid errors."),
    )
