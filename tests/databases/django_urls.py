"""The views and the service of an application, for the checks of the app."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from paylattice import EventContext, Money, WebhookEvent
from paylattice.providers.memory import InMemoryProvider
from paylattice.repositories.django import billing_service, for_async_views

provider = InMemoryProvider()
provider.add_plan("pro", Money(1900, "USD"))
billing = billing_service(provider)
for_async = for_async_views(billing)
paid: list[str] = []


@billing.on("invoice.paid")
def book(event: WebhookEvent, context: EventContext[str]) -> None:
    paid.append(event.id)


@csrf_exempt
def webhook(request: HttpRequest, name: str) -> HttpResponse:
    reply = billing.respond(name, request.body, request.headers)
    return HttpResponse(reply.outcome, status=reply.status)


@csrf_exempt
async def async_webhook(request: HttpRequest, name: str) -> HttpResponse:
    reply = await for_async.respond(name, request.body, request.headers)
    return HttpResponse(reply.outcome, status=reply.status)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("webhooks/<name>", webhook),
    path("async/webhooks/<name>", async_webhook),
]
