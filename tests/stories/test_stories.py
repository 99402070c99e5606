"""Golden stories: what happens in a small cluster, told line by line. `pytest --rewrite` renews."""

from pathlib import Path

import pytest

from controlplane.sim.story import Story, StoryError, told

STORIES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_goes_as_it_is_told(path: Path, rewrite: bool) -> None:  # noqa: FBT001 - a fixture
    text = path.read_text()
    now = told(text)
    if rewrite:
        path.write_text(now)
    assert path.read_text() == now


def test_a_line_that_says_nothing_is_an_error() -> None:
    with pytest.raises(StoryError, match="a story knows"):
        Story().do("explode n1")
