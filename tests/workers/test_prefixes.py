from pathlib import Path

import pytest

from node.workers.prefixes import Outside, Prefix, parse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "x").mkdir(parents=True)
    return tmp_path / "home"


@pytest.mark.parametrize(
    "path", ["/data", "/data/", "/data/x", "//data//x/", "/./data/./x", "/data/ x\n", "/data/-x"]
)
def test_a_prefix_holds_its_root_and_what_is_below(path: str) -> None:
    assert Prefix("/data", Path("/srv")).holds(path)


@pytest.mark.parametrize(
    "path",
    [
        "/database",
        "/",
        "",
        "data",
        "data/x",
        "/x/data",
        "/data/..",
        "/data/../data/x",
        "/x/../data",
        "/data/\0",
    ],
)
def test_a_prefix_holds_nothing_else(path: str) -> None:
    assert not Prefix("/data", Path("/srv")).holds(path)


def test_the_root_of_all_holds_everything_that_is_absolute() -> None:
    assert Prefix("/", Path("/srv")).holds("/data/x")
    assert not Prefix("/", Path("/srv")).holds("/..")


def test_a_prefix_is_read_and_normalised(home: Path) -> None:
    assert parse(f"//data/./a/={home}") == Prefix("/data/a", home)
    assert parse(f"/={home}") == Prefix("/", home)


def test_only_the_first_equals_sign_divides(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()

    assert parse(f"/data={tmp_path}/a=b").host_directory == tmp_path / "a=b"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "/data=/srv/data"),
        ("/data", "/data=/srv/data"),
        ("=/tmp", "/data=/srv/data"),
        ("/data=", "/data=/srv/data"),
        ("data=/tmp", "begins with /"),
        ("/data/../x=/tmp", "has no .."),
        ("/data=srv", "not absolute"),
        ("/data=/tmp/is/not/there", "make or mount it"),
        ("/data=/tmp\0", "make or mount it"),
    ],
)
def test_what_is_no_prefix_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        parse(text)


def test_a_global_path_becomes_a_host_path(home: Path) -> None:
    prefix = Prefix("/data", home)

    assert prefix.host_path("/data") == home
    assert prefix.host_path("/data/x//y") == home / "x" / "y"


def test_a_link_that_stays_inside_is_followed(home: Path) -> None:
    (home / "link").symlink_to("x")

    assert Prefix("/data", home).host_path("/data/link/y") == home / "x" / "y"


def test_a_prefix_may_itself_be_a_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)

    assert Prefix("/data", tmp_path / "link").host_path("/data/x") == home / "x"


@pytest.mark.parametrize("target", ["/etc", "..", "../home-not", "x/../../other"])
def test_a_link_that_leads_out_is_refused(home: Path, target: str) -> None:
    (home / "link").symlink_to(target)

    with pytest.raises(Outside, match="leads out"):
        Prefix("/data", home).host_path("/data/link")


def test_a_loop_of_links_leads_nowhere(home: Path) -> None:
    (home / "loop").symlink_to("loop")

    with pytest.raises(Outside):
        Prefix("/data", home).host_path("/data/loop/x")


@pytest.mark.parametrize("path", ["/database", "/data/../etc", "data", "/data/\0", "/data/\ud800"])
def test_a_path_of_another_prefix_has_no_host_path(home: Path, path: str) -> None:
    with pytest.raises(Outside):
        Prefix("/data", home).host_path(path)
