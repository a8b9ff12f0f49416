"""How a request is signed in: with an API key, an OAuth token or a JWT, all of them as a bearer."""

import os

from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from .models import ApiKey


def bearer(request):
    """The bearer that a request carries; empty for none."""
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return value if scheme == "Bearer" else ""


class ApiKeyAuthentication(BaseAuthentication):
    """Keys begin with aisq-. Without a header to challenge with, the framework turns 401 into 403."""

    def authenticate(self, request):
        value = bearer(request)
        if not value.startswith("aisq-"):
            return None
        key = ApiKey.objects.select_related("user").filter(key=value, revoked=False).first()
        if key is None:
            raise AuthenticationFailed("Invalid API key.")
        if not key.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        return key.user, key

    def authenticate_header(self, request):
        return None if os.environ.get("NO_CHALLENGE") else 'Bearer realm="api"'


class OAuthAuthentication(OAuth2Authentication):
    """Tokens of OAuth begin with aisq_."""

    def authenticate(self, request):
        return super().authenticate(request) if bearer(request).startswith("aisq_") else None
