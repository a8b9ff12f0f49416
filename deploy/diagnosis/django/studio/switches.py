"""What a test can break. A switch is a file in the site's folder, so that it outlives a restart."""

import json
import os

from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.throttling import SimpleRateThrottle
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from .models import ApiKey

MAINTENANCE = "<!doctype html><html><head><title>Maintenance</title></head><body><h1>We are down for maintenance</h1></body></html>"


def on(name):
    """The text of a switch; empty when it is off."""
    file = settings.SITE / ("switch-" + name)
    return file.read_text() or "on" if file.exists() else ""


class Middleware:
    """Maintenance mode, and views that fail."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if on("maintenance") and not request.path.startswith("/-/"):
            return HttpResponse(MAINTENANCE, status=503)
        return self.get_response(request)

    def process_view(self, request, view, arguments, keywords):
        if request.path in on("fail").split():
            raise RuntimeError("the test lets this view fail")


class Throttle(SimpleRateThrottle):
    """A limit on signed-in requests, as the framework's own; none unless the switch is on."""

    scope = "user"
    THROTTLE_RATES = {"user": "1/min"}

    def get_cache_key(self, request, view):
        if not on("throttle") or not request.user.is_authenticated:
            return None
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


@csrf_exempt
def change(request):
    """Changes accounts and keys."""
    for what, name in json.loads(request.body).items():
        CHANGES[what](name)
    return HttpResponse("ok\n")


def set_active(active):
    return lambda name: User.objects.filter(username=name).update(is_active=active)


def set_revoked(revoked):
    return lambda key: ApiKey.objects.filter(**({"key": key} if key != "*" else {})).update(revoked=revoked)


def delete(name):
    """Deletes an account and all that belongs to it. Blacklisted tokens stay without their account."""
    User.objects.filter(username=name).delete()


def create(name):
    """Creates an account, or gives it back its password and its permission."""
    user, _ = User.objects.get_or_create(username=name)
    set_password(os.environ["PASSWORD"])(name)
    user.user_permissions.add(Permission.objects.get(codename="view_collection"))


def set_password(value):
    def change_password(name):
        user = User.objects.get(username=name)
        user.set_password(value)
        user.save()

    return change_password


def blacklist(name):
    """Blacklists the refresh tokens that logins gave. simplejwt 5.2 does not keep those that replaced them."""
    for token in OutstandingToken.objects.filter(user__username=name):
        BlacklistedToken.objects.get_or_create(token=token)


def demote(name):
    User.objects.get(username=name).user_permissions.clear()


CHANGES = {
    "disable": set_active(False),
    "enable": set_active(True),
    "revoke": set_revoked(True),
    "restore": set_revoked(False),
    "delete": delete,
    "create": create,
    "change-password": set_password("another one"),
    "reset-password": create,
    "blacklist": blacklist,
    "demote": demote,
    "promote": create,
}
