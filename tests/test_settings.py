import os
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import pytest

from classifier.errors import SettingError, show
from classifier.machine import memory_mb, processors
from classifier.settings import DEVICES, MODELS, PROJECT, Settings, temporary_cache
from tests.support.permissions import as_nobody

COUNT = "a whole number from 1 up"
SECONDS = "seconds, 0 or more"
HOURS = "hours, more than 0"
DEVICE = "one of auto, cpu, cuda"
NAMES = "names of models, separated by commas"


@pytest.fixture(autouse=True)
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the defaults independent of the machine."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def test_a_cuda_device_changes_the_default_concurrency_and_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (1 << 30, 16 << 30))

    settings = Settings.from_environment({})
    assert settings.concurrency == max(32, processors())
    assert settings.memory_mb == 8 << 10

    unused = Settings.from_environment({"CLASSIFIER_DEVICE": "cpu"})
    assert unused.concurrency == processors()


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})

    assert settings == Settings(
        images=PROJECT / "images",
        models=MODELS,
        device="auto",
        concurrency=processors(),
        queue_size=100,
        fair_shares=True,
        delay_seconds=0.0,
        memory_mb=memory_mb() // 4,
        result_hours=24.0,
        upload_mb=256,
        upload_seconds=3600,
        cache=Path.home() / ".cache" / "image-classifier",
    )


def test_the_models_of_the_course_follow_those_that_need_no_download() -> None:
    course = ("resnet18", "alexnet", "vgg16", "inception_v3")
    assert MODELS[:6] == ("efficientnet_lite0", "tiny", *course)


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("IMAGES", "/data/pictures", "images", Path("/data/pictures")),
        ("IMAGES", "pictures", "images", Path.cwd() / "pictures"),
        ("IMAGES", "~", "images", Path.home()),
        ("IMAGES", "~/my pictures", "images", Path.home() / "my pictures"),
        ("CACHE", "~/models", "cache", Path.home() / "models"),
        ("CACHE", "/var/cache/models", "cache", Path("/var/cache/models")),
        ("MODELS", "resnet18", "models", ("resnet18",)),
        ("MODELS", "vgg16,tiny", "models", ("vgg16", "tiny")),
        ("MODELS", " vgg16 ,, tiny , ", "models", ("vgg16", "tiny")),
        ("MODELS", "tiny,vgg16,tiny, vgg16", "models", ("tiny", "vgg16")),
        *(("DEVICE", device, "device", device) for device in DEVICES),
        ("CONCURRENCY", "3", "concurrency", 3),
        ("CONCURRENCY", " 1 ", "concurrency", 1),
        ("QUEUE_SIZE", "1", "queue_size", 1),
        ("FAIR_SHARES", "0", "fair_shares", False),
        ("DEPLOY", "0", "deploy", False),
        ("MEMORY_MB", "512", "memory_mb", 512),
        ("QUEUE_SIZE", "5000", "queue_size", 5000),
        ("UPLOAD_MB", "64", "upload_mb", 64),
        ("UPLOAD_SECONDS", "600", "upload_seconds", 600),
        ("DELAY_SECONDS", "0", "delay_seconds", 0.0),
        ("DELAY_SECONDS", "2.5", "delay_seconds", 2.5),
        ("DELAY_SECONDS", "1e-3", "delay_seconds", 0.001),
        ("RESULT_HOURS", "0.5", "result_hours", 0.5),
        ("RESULT_HOURS", "168", "result_hours", 168.0),
        ("JOBS_URL", "postgresql://a:b@host/jobs", "jobs_url", "postgresql://a:b@host/jobs"),
        ("JOBS_URL", " postgres://host/jobs ", "jobs_url", "postgres://host/jobs"),
    ],
)
def test_a_valid_value_sets_only_its_own_field(
    variable: str, text: str, field: str, value: object
) -> None:
    settings = Settings.from_environment({f"CLASSIFIER_{variable}": text})

    assert getattr(settings, field) == value
    unset = Settings.from_environment({})
    changed = {name for name in vars(unset) if getattr(settings, name) != getattr(unset, name)}
    assert changed <= {field}


@pytest.mark.parametrize(
    "variable",
    [
        "IMAGES",
        "MODELS",
        "DEVICE",
        "CONCURRENCY",
        "QUEUE_SIZE",
        "MEMORY_MB",
        "UPLOAD_MB",
        "UPLOAD_SECONDS",
        "DELAY_SECONDS",
        "RESULT_HOURS",
        "CACHE",
        "JOBS_URL",
    ],
)
@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_value_counts_as_missing(variable: str, blank: str) -> None:
    settings = Settings.from_environment({f"CLASSIFIER_{variable}": blank})

    assert settings == Settings.from_environment({})


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        *(("CONCURRENCY", text, COUNT) for text in ("0", "-1", "1.5", "2.0", "1e3", "two", "1,2")),
        *(("MEMORY_MB", text, COUNT) for text in ("0", "-1", "2GB")),
        *(("UPLOAD_MB", text, COUNT) for text in ("0", "-1", "1.5", "1GB")),
        *(("UPLOAD_SECONDS", text, COUNT) for text in ("0", "-1", "an hour")),
        *(("QUEUE_SIZE", text, COUNT) for text in ("0", "-100", "0.5", "inf", "nan", "ten")),
        *(
            ("DELAY_SECONDS", text, SECONDS)
            for text in ("-1", "-0.001", "nan", "inf", "-inf", "1e999", "soon", "1 s", "1,5")
        ),
        *(("RESULT_HOURS", text, HOURS) for text in ("0", "-1", "nan", "inf", "a day")),
        *(("DEVICE", text, DEVICE) for text in ("gpu", "CPU", "cuda:0", "cpu,cuda")),
        *(("MODELS", text, NAMES) for text in (",", ", ,")),
        ("IMAGES", "~nobody-has-this-name/pictures", "a folder of pictures"),
        ("CACHE", "~nobody-has-this-name", "a folder"),
    ],
)
def test_the_error_for_an_invalid_value_says_what_is_expected(
    variable: str, text: str, expected: str
) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({f"CLASSIFIER_{variable}": text})

    assert str(caught.value) == f"CLASSIFIER_{variable} is '{text}'; expected {expected}."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql://user:secret@host/jobs", "mysql://…"),
        ("POSTGRESQL://user:secret@host/jobs", "POSTGRESQL://…"),
        ("postgresql:/user:secret@host/jobs", "…"),
        ("host=db password=secret", "…"),
    ],
)
def test_the_error_for_a_wrong_database_hides_its_password(text: str, shown: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({"CLASSIFIER_JOBS_URL": text})

    assert str(caught.value) == (
        f"CLASSIFIER_JOBS_URL is '{shown}'; expected an address like "
        "postgresql://user:password@host/database."
    )


def test_the_database_is_not_part_of_the_text_of_the_settings() -> None:
    settings = Settings.from_environment({"CLASSIFIER_JOBS_URL": "postgresql://a:secret@host/b"})

    assert "secret" not in repr(settings)


def test_variables_of_other_programs_are_ignored() -> None:
    others = {"CONCURRENCY": "no", "CLASSIFIER": "no", "CLASSIFIER_COLOUR": "no"}

    assert Settings.from_environment(others) == Settings.from_environment({})


def test_only_the_environment_that_is_passed_in_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLASSIFIER_QUEUE_SIZE", "7")

    assert Settings.from_environment({}).queue_size == 100


def test_settings_without_an_environment_have_a_cache_folder() -> None:
    assert Settings().cache == Path.home() / ".cache" / "image-classifier"


def test_settings_cannot_be_changed() -> None:
    settings: Any = Settings()

    with pytest.raises(AttributeError, match="cannot assign to field 'device'"):
        settings.device = "cpu"


def test_a_user_without_a_home_has_a_cache_in_the_temporary_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # a user ID that does not exist

    assert Settings.from_environment({}).cache == Path(gettempdir()) / "image-classifier-54321"
    elsewhere = Settings.from_environment({"CLASSIFIER_CACHE": "/var/cache/models"})
    assert elsewhere.cache == Path("/var/cache/models")


def test_a_home_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a container: `HOME=/` and a user other than root."""
    # pytest's own folders are closed for other users.
    with TemporaryDirectory() as folder:
        home, temporary = Path(folder, "home"), Path(folder, "temporary")
        Path(folder).chmod(0o755)
        home.mkdir(mode=0o555)
        temporary.mkdir()
        temporary.chmod(0o777)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        monkeypatch.setattr(os, "getuid", os.geteuid)
        settings = Settings.from_environment({})

        with as_nobody():
            usable = settings.with_writable_cache()
            assert usable.cache == temporary_cache()
            (usable.cache / "file").touch()

    assert f"{home / '.cache' / 'image-classifier'} cannot be written" in caplog.text
    assert "set CLASSIFIER_CACHE to keep it elsewhere" in caplog.text


def test_a_temporary_folder_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "image-classifier-54321").mkdir()
    monkeypatch.setenv("HOME", "/proc/no-such-home")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 54321)

    with pytest.raises(SettingError, match="CLASSIFIER_CACHE is ''; expected a folder that can be"):
        Settings.from_environment({}).with_writable_cache()


def test_a_chosen_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.from_environment({"CLASSIFIER_CACHE": str(tmp_path / "file" / "cache")})

    with pytest.raises(SettingError) as caught:
        settings.with_writable_cache()

    assert str(caught.value) == (
        f"CLASSIFIER_CACHE is {show(str(tmp_path / 'file' / 'cache'))}; "
        "expected a folder that can be written."
    )


@pytest.mark.parametrize(
    ("text", "name"), [("0.0.0.0", "0.0.0.0"), ("::", "::"), ("[::1]", "::1"), (" a.b ", "a.b")]
)
def test_the_address_of_the_server_is_read(text: str, name: str) -> None:
    settings = Settings.from_environment({"GRADIO_SERVER_NAME": text, "GRADIO_SERVER_PORT": "8000"})

    assert (settings.server_name, settings.server_port) == (name, 8000)


@pytest.mark.parametrize("text", ["0", "-1", "65536", "http", "80.5"])
def test_a_wrong_port_is_an_error(text: str) -> None:
    with pytest.raises(SettingError, match=r"GRADIO_SERVER_PORT is .*; expected a port from 1 to"):
        Settings.from_environment({"GRADIO_SERVER_PORT": text})
