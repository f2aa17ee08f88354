"""The network that judges style and content: another than the one that paints, where it can be."""

from collections.abc import Mapping
from pathlib import Path

from framestyle.networks import can_be_had, network_spec

JUDGE = "squeezenet1_0"
"""No run paints with it unless told to."""
EMBEDDED = "lite"
_FLATTERS = f"it flatters what {EMBEDDED} painted"


def choose_judge(name: str, files: Mapping[str, Path]) -> tuple[str, str]:
    """Choose the network that judges.

    A network is no judge of what it painted itself: the optimisation has sought out what it does
    not see. The web is asked for seconds, and only where the answer matters.

    Args:
        name: A network, or ``"auto"``: squeezenet1_0 where its weights are given, in the cache or
            on the web, else the embedded one.
        files: Weights files that the user gives, by network.

    Returns:
        Its name, and one line for the user: which it is, why, and how to choose otherwise.

    Raises:
        ModelError: There is no such network.
    """
    chosen, why = name, "as named"
    if name == "auto":
        chosen, why = JUDGE, "--network NAME takes another"
        if not can_be_had(JUDGE, files):
            chosen, why = (
                EMBEDDED,
                (
                    f"the weights of {JUDGE} are not here and cannot be fetched; {_FLATTERS}, so "
                    f"better give --weights {JUDGE}=FILE, or --network NAME; `framestyle weights "
                    f"fetch {JUDGE}` on a machine with internet gets them"
                ),
            )
    elif network_spec(name).name == EMBEDDED:
        why = f"as named; {_FLATTERS}"
    unused = ", ".join(other for other in files if other != chosen)
    remark = f"; the weights given for {unused} are not used" if unused else ""
    return chosen, f"judge: {chosen} ({why}){remark}"
