"""What the proof of pseudo-label-threshold reads from a trace."""

from mlfix.rules.config._pseudo_label_threshold_proof import PROOF


class Trace:
    def __init__(self, events):
        self._events = events

    def events(self, kind):
        return [e for e in self._events if e["k"] == kind]


def measured(*rows):
    events = [{"k": "pseudo-label-use", "s": s, "share": share} for s, share in rows]
    return PROOF.measure(Trace(events), None)  # pyright: ignore[reportArgumentType, reportOptionalCall]


def test_early_steps_do_not_count():
    assert measured((0, 0.0), (70, 0.0)) is None
    assert measured((0, 0.0), (90, 0.5), (99, 0.7)) == 0.6
    assert measured((90, None)) is None


def test_a_fifth_is_enough():
    assert PROOF.violated(0.1)
    assert PROOF.satisfied(0.25)
    assert not PROOF.violated(0.2)
