"""The HTTP clients, with their connections, that transports share: one for each event loop, and one for all threads.

A process that serves ten thousand tenants has as many transports, and one client: its trusted certificates and its
connections are what costs. A client knows nothing of who sends. Headers and bodies come with each request, an answer goes to
the request that asked for it, and cookies are not kept.
"""

import os
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

from .primitives import mutex

__all__ = ["POOLS", "THREADS", "Pools"]

C = TypeVar("C")


class _Threads:
    """Stands where an event loop would: blocking clients serve all threads."""


THREADS = _Threads()


class _Pool(Generic[C]):
    def __init__(self, client: C) -> None:
        self.client = client
        self.users: WeakSet[object] = WeakSet()


class Pools:
    """The clients of this process, and the transports that use each of them.

    A client is closed when the last transport that uses it is closed. One whose transports were all dropped without being
    closed, or whose event loop is closed, goes when the next client is made. A process that was forked begins with none: its
    connections would be those of its parent, whose answers it must not read.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._begin()

    def _begin(self) -> None:
        self._mutex = mutex()
        self._places: WeakKeyDictionary[object, dict[Hashable, _Pool[Any]]] = WeakKeyDictionary()

    def client(self, user: object, place: object, key: Hashable, make: Callable[[], C]) -> C:
        """The client that serves the transport there.

        Args:
            user: the transport.
            place: the running event loop, or :data:`THREADS`.
            key: what the client depends on: transports of one key share it.
            make: makes it, if there is none.
        """
        self._leave_parents()
        with self._mutex:
            clients = self._places.get(place)
            pool = None if clients is None else clients.get(key)
            if pool is None:
                self._sweep()
                pool = self._places.setdefault(place, {})[key] = _Pool(make())
            pool.users.add(user)
            return cast("C", pool.client)

    def leave(self, user: object, place: object) -> list[Any]:
        """Let a transport go. Returns the clients that are not used any more, for the caller to close.

        Those of other event loops can only be closed there; they are dropped.
        """
        self._leave_parents()
        unused: list[Any] = []
        with self._mutex:
            for where, clients in list(self._places.items()):
                for key, pool in list(clients.items()):
                    if user in pool.users:
                        pool.users.discard(user)
                        if not pool.users:
                            del clients[key]
                            unused += [pool.client] if where is place else []
        return unused

    def _leave_parents(self) -> None:
        """Begin with nothing in a process that was forked, with a lock that no thread of the parent holds."""
        if self._process != os.getpid():
            self._parents = self._places  # kept: closing them would be the parent's to do
            self._process = os.getpid()
            self._begin()

    def _sweep(self) -> None:
        for place, clients in list(self._places.items()):
            is_closed = getattr(place, "is_closed", None)
            if is_closed is not None and is_closed():
                del self._places[place]
                continue
            for key, pool in list(clients.items()):
                if not pool.users:
                    del clients[key]


POOLS = Pools()
"""Those of this process: default transports find each other here."""
