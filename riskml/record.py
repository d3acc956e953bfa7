"""Frozen records that cost nothing to import.

``dataclasses`` takes longer to import (it pulls in ``inspect``) than Python takes to start, and one prediction has a
budget of a few starts of Python. A ``Record`` has the same notation and the same checks by mypy.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing ``typing`` for its own TYPE_CHECKING would cost what this module saves
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        """Tell type checkers, and only them, that subclasses are like frozen dataclasses."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """Base of frozen value types: annotated attributes are the fields, in order; class values are the defaults.

    Examples
    --------
    >>> class Point(Record):
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0)
    Point(x=1.0, y=0.0)
    >>> Point(1.0) == Point(1.0, 0.0), Point(1.0).with_(y=2.0)
    (True, Point(x=1.0, y=2.0))
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        cls._defaults = {name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        fields = self._fields
        values = {**self._defaults, **dict(zip(fields, args, strict=False)), **kwargs}
        if len(args) > len(fields) or len(values) != len(fields) or not kwargs.keys().isdisjoint(fields[: len(args)]):
            raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}; got {len(args)} values and {[*kwargs]}")
        if kwargs and not kwargs.keys() <= set(fields):
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(kwargs.keys() - set(fields)))}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_fields() == other.to_fields()

    def __getstate__(self) -> dict[str, Any]:
        # What was remembered on the way (``functools.cached_property``) is made anew where a copy is unpacked.
        return self.to_fields()

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self._fields)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"

    def to_fields(self) -> dict[str, Any]:
        """The fields by name, values as they are."""
        return {name: self.__dict__[name] for name in self._fields}

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**self.to_fields(), **changes})
