"""A shop with Django: blocking, on the ORM, settings included. ``python django_shop.py``, then http://127.0.0.1:8000/."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

sys.path.insert(0, str(Path(__file__).parent))

ADDRESS = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")
ORG = "org_1"  # the logged-in organisation, from your session

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1", "testserver"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.environ.get("SHOP_DATABASE", "shop-django.db"),
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "init_command": "pragma journal_mode = wal",
                    "timeout": 30,
                },
            }
        },
        INSTALLED_APPS=["paylattice.repositories.django"],
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ.get("SHOP_SECRET_KEY", "for trying out"),
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)

import embedded

from paylattice.errors import Conflict
from paylattice.repositories.django import billing_service
from paylattice.sync import create_provider

if TYPE_CHECKING:
    from paylattice import EventContext, WebhookEvent

provider = create_provider(os.environ.get("PAYMENT_PROVIDER", "memory"))
embedded.stock(provider.wrapped)
billing = billing_service(provider)
welcomed: list[str | None] = []


@billing.on("subscription.active")
def welcome(event: "WebhookEvent", context: "EventContext") -> None:
    welcomed.append(context.customer.org_id if context.customer else None)


def home(request: HttpRequest) -> HttpResponse:
    access = billing.access(ORG)
    return HttpResponse(
        f"<p>Access: {access.reason}</p><form method=post action=/checkout><button>Subscribe</button></form>"
    )


@csrf_exempt  # a real shop puts {% csrf_token %} into the form
@require_POST
def checkout(request: HttpRequest) -> HttpResponse:
    try:
        session = billing.start_checkout(
            ORG,
            os.environ.get("PLAN", embedded.PLAN),
            email="ada@example.com",
            name="Ada Lovelace",
            success_url=f"{ADDRESS}/",
            cancel_url=f"{ADDRESS}/",
        )
    except Conflict:  # there is a subscription: change_plan() changes it
        return HttpResponseRedirect("/")
    page = f"/customer/{session.id}" if provider.get_provider_name() == "memory" else session.url
    return HttpResponseRedirect(page or "/")


def customer(request: HttpRequest, session_id: str) -> HttpResponse:
    """The embedded provider's page: the customer pays, and the provider's webhooks come in."""
    embedded.subscribe(provider.wrapped, session_id, f"{ADDRESS}/webhooks/{provider.get_provider_name()}")
    return HttpResponseRedirect("/")


@csrf_exempt  # without it: 403 before this view runs
@require_POST
def webhook(request: HttpRequest, name: str) -> HttpResponse:
    reply = billing.respond(name, request.body, request.headers)
    return HttpResponse(reply.outcome or "", status=reply.status)


urlpatterns = [
    path("", home),
    path("checkout", checkout),
    path("customer/<session_id>", customer),
    path("webhooks/<name>", webhook),
]
application = get_wsgi_application()

if __name__ == "__main__":
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer

    class Server(ThreadingMixIn, WSGIServer):
        """/customer calls /webhooks on the same server."""

    print(f"open {ADDRESS}/")
    make_server("127.0.0.1", int(ADDRESS.rpartition(":")[2]), application, server_class=Server).serve_forever()
