"""The look: colours as data, one style sheet, one type scale, icons in the text's colour; light and dark."""

from __future__ import annotations

import json
import sys
import weakref
from functools import cache
from string import Template
from typing import Final

from PySide6.QtCore import QByteArray, QDir, QObject, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from aienv_gui.core.storage import resource

MODES: Final = ("system", "light", "dark")
GRID: Final = 8  # pixels; every distance is a multiple or a half of it

_ICON_SIZES: Final = (16, 20, 24, 32, 48, 64)
_CJK: Final = ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei UI", "PingFang SC", "WenQuanYi Micro Hei")
_LATIN: Final = ("Inter", "Noto Sans", "Cantarell", "Ubuntu", "Open Sans")
_MONO: Final = (
    "Cascadia Mono",
    "JetBrains Mono",
    "SF Mono",
    "Menlo",
    "Consolas",
    "Noto Sans Mono",
    "DejaVu Sans Mono",
    "Noto Sans Mono CJK SC",
    "monospace",
)

# Icons shown by `show_icon`, painted again when the theme changes. Like the language, the look belongs to the process.
_shown: weakref.WeakKeyDictionary[QObject, dict[str, tuple[str, str]]] = weakref.WeakKeyDictionary()
_colours: dict[str, str] = {}


@cache
def palette_of(name: str) -> dict[str, str]:
    """The colours of a theme (``light`` or ``dark``) by role, as ``#rrggbb``; tints are derived here."""
    data: dict[str, str] = json.loads(resource(f"themes/{name}.json").read_text(encoding="utf-8"))
    soft, line = (0.10, 0.35) if name == "light" else (0.15, 0.4)
    for role in ("accent", "good", "warn", "bad"):
        data[f"{role}_soft"] = mix(data[role], data["surface"], soft)
        data[f"{role}_line"] = mix(data[role], data["surface"], line)
    data["control_line"] = mix(data["control"], data["surface"], 0.6)
    data["faint"] = mix(data["muted"], data["surface"], 0.7)
    data["scroll"] = mix(data["control"], data["window"], 0.5)
    data["focus_on_accent"] = data["text"]
    return data


def mix(colour: str, ground: str, share: float) -> str:
    """`share` of `colour` on `ground`."""
    front, back = QColor(colour), QColor(ground)
    parts = zip(front.getRgb()[:3], back.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(f * share + b * (1 - share)) for f, b in parts)).name()


def show_icon(target: QObject, name: str, role: str = "text", setter: str = "setIcon") -> None:
    """Put an icon on a widget in the colour of `role`, again at each change of theme. An empty `name` removes it."""
    shown = _shown.setdefault(target, {})
    shown[setter] = (name, role)
    _put_icon(target, setter, name, role)


def _put_icon(target: QObject, setter: str, name: str, role: str) -> None:
    icon = _render(name, _colours.get(role) or palette_of("light")[role]) if name else QIcon()
    if setter == "setPixmap":
        ratio = target.devicePixelRatioF() if isinstance(target, QWidget) else 1.0
        edge = target.property("icon_size") or 16
        getattr(target, setter)(icon.pixmap(QSize(edge, edge), ratio))
    else:
        getattr(target, setter)(icon)


@cache
def _svg(name: str) -> str:
    return resource(f"icons/{name}.svg").read_text(encoding="utf-8")


@cache
def _render(name: str, colour: str) -> QIcon:
    renderer = QSvgRenderer(QByteArray(_svg(name).replace("currentColor", colour).encode()))
    icon = QIcon()
    for edge in _ICON_SIZES:
        pixmap = QPixmap(edge, edge)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter, QRectF(0, 0, edge, edge))
        painter.end()
        icon.addPixmap(pixmap)
    return icon


class Theme(QObject):
    """Colours and icons of the window. `changed` is for what paints by itself: plots, delegates, item models.

    GUI thread only. Made once, after the QApplication.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mode = "system"
        self._name = ""
        for name in ("light", "dark"):
            QDir.setSearchPaths(f"aienv{name}", [str(resource(f"themes/{name}"))])
        application = QGuiApplication.instance()
        assert isinstance(application, QApplication)
        self._application = application
        if application.style().objectName() != "fusion":
            application.setStyle("Fusion")
        self._base = _font()
        application.setFont(self._base)
        application.styleHints().colorSchemeChanged.connect(self._on_system_changed)
        self._apply()

    @property
    def dark(self) -> bool:
        return self._name == "dark"

    @property
    def mode(self) -> str:
        return self._mode

    def set_mode(self, mode: str) -> None:
        """Follow the system or stay light or dark (one of `MODES`)."""
        if mode not in MODES:
            raise ValueError(mode)
        if mode != self._mode:
            self._mode = mode
            # The native parts (title bar, file dialogs) follow where the system can do it.
            schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark, "system": Qt.ColorScheme.Unknown}
            self._application.styleHints().setColorScheme(schemes[mode])
            self._apply()

    def color(self, role: str) -> QColor:
        """The colour of a role: a key of `resources/themes/light.json`, or one with ``_soft`` (a tint)."""
        return QColor(_colours[role])

    def icon(self, name: str, role: str = "text") -> QIcon:
        """An icon in today's colour of `role`; on widgets prefer `show_icon`, which follows the theme."""
        return _render(name, _colours[role])

    @Slot()
    def _on_system_changed(self) -> None:
        self._apply()

    def _system_is_dark(self) -> bool:
        return self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark

    def _apply(self) -> None:
        name = self._mode if self._mode != "system" else ("dark" if self._system_is_dark() else "light")
        if name == self._name:
            return
        self._name = name
        colours = palette_of(name)
        _colours.clear()
        _colours.update(colours)
        self._application.setPalette(_palette(colours))
        # A sheet in the place of another makes Qt polish each widget once for every widget that it lies in: half a
        # second for a page. Without one between each is polished twice.
        self._application.setStyleSheet("")
        self._application.setStyleSheet(style_sheet(name, self._base.pointSizeF()))
        for target, shown in list(_shown.items()):
            if not isValid(target):  # deleted by Qt, and still held by somebody in Python
                del _shown[target]
                continue
            for setter, (icon, role) in list(shown.items()):
                _put_icon(target, setter, icon, role)
        self.changed.emit()


def style_sheet(name: str, points: float) -> str:
    """The application's style sheet in the colours of a theme, with body text of `points` points."""
    sizes = {
        "size_title": points * 1.75,
        "size_number": points * 1.6,
        "size_section": points * 1.2,
        "size_body": points,
        "size_caption": points * 0.92,
    }
    return Template(resource("themes/style.qss").read_text(encoding="utf-8")).substitute(
        palette_of(name),
        **{key: f"{value:.1f}" for key, value in sizes.items()},
        mono=", ".join(f'"{family}"' for family in _MONO),
        folder=f"aienv{name}",
    )


def _font() -> QFont:
    font = QFont(QGuiApplication.font())
    families = [font.family()]
    if sys.platform.startswith("linux") and font.family() in ("Sans", "Sans Serif", "sans-serif", "DejaVu Sans", ""):
        families = list(_LATIN)  # no desktop has chosen a font
    # Named, since otherwise Han characters may come from a Japanese font.
    font.setFamilies([*families, *_CJK])
    font.setPointSizeF(max(font.pointSizeF(), 13.0 if sys.platform == "darwin" else 10.0))
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def _palette(colours: dict[str, str]) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for key, name in (
        (role.Window, "window"),
        (role.WindowText, "text"),
        (role.Base, "surface"),
        (role.AlternateBase, "window"),
        (role.Text, "text"),
        (role.Button, "raised"),
        (role.ButtonText, "text"),
        (role.BrightText, "on_accent"),
        (role.PlaceholderText, "muted"),
        (role.ToolTipBase, "raised"),
        (role.ToolTipText, "text"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "on_accent"),
        (role.Accent, "accent"),
        (role.Link, "accent"),
        (role.LinkVisited, "accent"),
        (role.Light, "surface"),
        (role.Midlight, "raised"),
        (role.Mid, "border"),
        (role.Dark, "control"),
        (role.Shadow, "control"),
    ):
        palette.setColor(key, QColor(colours[name]))
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, QColor(colours["faint"]))
    return palette
