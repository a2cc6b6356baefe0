"""Where results are kept: a database that several processes may share and that survives a kill at any moment.

One row an evaluation (a network on a system), under the hash of everything that decides it, in a transaction of its
own; networks that cost PyTorch to make beside them. SQLite in WAL mode by default, or any SQLAlchemy URL (PostgreSQL).
Rows hold no times. A store belongs to the sources that opened it first.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from cosim.explore.evaluate import Answer, Task, sources_of
from cosim.explore.extra import needed
from cosim.explore.networks import Lowered
from cosim.explore.sources import evaluation_sources

FILE = "store.sqlite"
_FORMAT = "1"
_BUSY_S = 60  # how long to wait for another process's transaction
_ASKED_AT_ONCE = 500  # keys in one query
_TRIES = 3  # to create the tables beside other processes that do the same


class StoreError(ValueError):
    """A store that cannot be used; the message says why and how to go on."""


class Store:
    """``url``: of SQLAlchemy. Opened for new results only, or with ``resume`` for those that it holds as well."""

    def __init__(self, url: str, *, resume: bool) -> None:
        self._sql = needed("sqlalchemy")
        self.url = url  # without its password, once it is known to be a URL
        try:
            place = self._sql.engine.make_url(url)
            self.url = place.render_as_string(hide_password=True)
            if place.drivername == "postgresql":  # SQLAlchemy would want the driver's predecessor
                place = place.set(drivername="postgresql+psycopg")
            if place.drivername == "postgresql+psycopg":
                needed("psycopg", extra="postgres")
            self._engine = self._sql.create_engine(place, **self._pooling())
        except (self._sql.exc.ArgumentError, ImportError) as error:
            raise StoreError(f"--store: cannot use {self.url}: {error}") from None
        if self._engine.dialect.name == "sqlite":
            self._sql.event.listen(self._engine, "connect", _prepare_sqlite)
        self._tables()
        with self._safely():
            self._create()
            self._admit(resume)

    @classmethod
    def in_folder(cls, folder: Path, *, resume: bool) -> Self:
        """The store of an output folder."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{(folder / FILE).resolve()}", resume=resume)

    @classmethod
    def in_memory(cls) -> Self:
        """A store that ends with the process."""
        return cls("sqlite://", resume=False)

    def _pooling(self) -> dict[str, Any]:
        """One connection for all of a store in memory, which each connection would have for itself."""
        return {"poolclass": self._sql.pool.StaticPool} if self.url == "sqlite://" else {}

    def _tables(self) -> None:
        sql = self._sql
        self._metadata = sql.MetaData()
        self._about = sql.Table(
            "about",
            self._metadata,
            sql.Column("name", sql.String(32), primary_key=True),
            sql.Column("value", sql.String(64), nullable=False),
        )
        self._evaluations = sql.Table(
            "evaluations",
            self._metadata,
            sql.Column("key", sql.String(32), primary_key=True),
            sql.Column("network", sql.String(16), nullable=False),
            sql.Column("level", sql.String(16), nullable=False),
            sql.Column("weights_in", sql.String(8), nullable=False),
            sql.Column("system", sql.Text, nullable=False),
            sql.Column("metrics", sql.Text),
            sql.Column("reason", sql.Text, nullable=False),
        )
        self._networks = sql.Table(
            "networks",
            self._metadata,
            sql.Column("key", sql.String(32), primary_key=True),
            sql.Column("hash", sql.String(16), nullable=False),
            sql.Column("data", sql.LargeBinary, nullable=False),
            sql.Column("quality", sql.Text, nullable=False),
        )

    def _create(self) -> None:
        """Make the tables that are not there. Another process may make them between the look and the making."""
        for left in reversed(range(_TRIES)):
            try:
                self._metadata.create_all(self._engine)
                return
            except (self._sql.exc.IntegrityError, self._sql.exc.OperationalError, self._sql.exc.ProgrammingError):
                if not left:
                    raise

    def _admit(self, resume: bool) -> None:
        """Sign an empty store; refuse one that cannot be continued."""
        own = {"format": _FORMAT, "sources": evaluation_sources()}
        for name, value in own.items():
            self._insert(self._about, {"name": name, "value": value})
        found = dict(self._all(self._sql.select(self._about.c.name, self._about.c.value)))
        if found.get("format") != _FORMAT:
            raise StoreError(f"store {self.url} has format {found.get('format')}, want {_FORMAT}; start a new one")
        if found["sources"] != own["sources"]:
            raise StoreError(
                f"store {self.url} holds {self.count()} results of other sources ({found['sources']}, these are "
                f"{own['sources']}): they may differ from today's; start a new store with another --out or --store, or "
                "go on with the release that wrote it"
            )
        if not resume and self.count():
            raise StoreError(
                f"store {self.url} holds {self.count()} results: give --resume to go on with them, or another --out or "
                "--store to start anew"
            )

    def count(self) -> int:
        """Evaluations held."""
        with self._safely():
            query = self._sql.select(self._sql.func.count()).select_from(self._evaluations)
            return int(self._all(query)[0][0])

    def find(self, keys: Iterable[str]) -> dict[str, Answer]:
        """The answers that are there, by key."""
        rows, asked, columns = [], list(keys), self._evaluations.c
        with self._safely():
            for start in range(0, len(asked), _ASKED_AT_ONCE):
                part = asked[start : start + _ASKED_AT_ONCE]
                query = self._sql.select(columns.key, columns.level, columns.metrics, columns.reason).where(
                    columns.key.in_(part)
                )
                rows += self._all(query)
        return {
            key: Answer(key, None if metrics is None else json.loads(metrics), reason, False, sources_of(level))
            for key, level, metrics, reason in rows
        }

    def add(self, task: Task, answer: Answer) -> None:
        """Keep an answer, at once and for good; one that another process has added already stays."""
        system = task.system.model_dump(mode="json", exclude={"name", "description"})
        row = {
            "key": task.key,
            "network": task.network,
            "level": task.level,
            "weights_in": task.weights_in,
            "system": json.dumps(system, sort_keys=True),
            "metrics": None if answer.metrics is None else json.dumps(dict(answer.metrics), sort_keys=True),
            "reason": answer.reason,
        }
        with self._safely():
            self._insert(self._evaluations, row)

    def network(self, key: str) -> Lowered | None:
        """A lowered network, if it is there."""
        columns = self._networks.c
        with self._safely():
            rows = self._all(self._sql.select(columns.hash, columns.data, columns.quality).where(columns.key == key))
        return Lowered(rows[0][0], bytes(rows[0][1]), json.loads(rows[0][2])) if rows else None

    def keep_network(self, key: str, lowered: Lowered) -> None:
        quality = json.dumps(dict(lowered.quality), sort_keys=True)
        with self._safely():
            row = {"key": key, "hash": lowered.hash, "data": lowered.data, "quality": quality}
            self._insert(self._networks, row)

    def close(self) -> None:
        self._engine.dispose()

    def _insert(self, table: Any, row: Mapping[str, Any]) -> None:
        name = self._engine.dialect.name
        if name == "sqlite":
            from sqlalchemy.dialects.sqlite import insert
        elif name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
        else:
            raise StoreError(f"--store: want a sqlite or postgresql URL, got {name}")
        self._transaction(lambda one: one.execute(insert(table).values(**row).on_conflict_do_nothing()))

    def _all(self, query: Any) -> list[Any]:
        """All rows of a query."""
        found: list[Any] = self._transaction(lambda connection: connection.execute(query).all())
        return found

    def _transaction(self, work: Callable[[Any], Any]) -> Any:
        """What ``work`` returns, on a connection of its own; once more on a new one where the server has dropped the
        old one while it was idle. All that is done here may be done twice."""
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except self._sql.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with self._engine.begin() as connection:
            return work(connection)

    @contextmanager
    def _safely(self) -> Iterator[None]:
        """A database's complaint in a line, with what to do about the common ones."""
        try:
            yield
        except self._sql.exc.SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            hints = {
                "full": "make room, then go on with --resume: what is stored is whole",
                "No space": "make room, then go on with --resume: what is stored is whole",
                "locked": "another process holds it for too long; try again with --resume",
                "not a database": "give another --out or --store",
                "malformed": "give another --out or --store",
                "connection": "is the server there, and may this user in? What is stored is whole: go on with --resume",
                "shutting down": "what is stored is whole: go on with --resume when the server is back",
            }
            hint = next((f"; {text}" for word, text in hints.items() if word in reason), "")
            raise StoreError(f"store {self.url}: {reason}{hint}") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Write-ahead log: a killed process leaves whole rows, and readers do not wait for a writer."""
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
