"""Django (sync views): the same calls without ``await``, from paylattice.sync.

PAYMENT_PROVIDER and the provider's settings come from the environment. Put ``urlpatterns`` into your URLconf.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from paylattice import EventContext, WebhookEvent
from paylattice.sync import BillingService, InMemoryRepository, create_provider

billing = BillingService(create_provider(), InMemoryRepository())  # PAYMENT_PROVIDER picks the provider


@billing.on("payment.failed")
def on_failed(event: WebhookEvent, context: EventContext) -> None:
    print("tell", context.customer and context.customer.org_id)


@require_POST
def checkout(request: HttpRequest, plan_id: str) -> HttpResponse:
    session = billing.start_checkout(
        "org_1",
        plan_id,
        email="ada@example.com",
        success_url="https://app.test/ok",
        cancel_url="https://app.test/no",
    )
    return JsonResponse({"url": session.url})


@csrf_exempt  # without it: 403 before this view runs
@require_POST
def webhook(request: HttpRequest, provider: str) -> HttpResponse:
    return HttpResponse(status=billing.respond(provider, request.body, request.headers).status)


urlpatterns = [path("checkout/<plan_id>", checkout), path("webhooks/<provider>", webhook)]
