"""What the application stores."""

from django.conf import settings
from django.db import models


class ApiKey(models.Model):
    """A key that stands for an account until it is revoked."""

    key = models.CharField(max_length=80, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    revoked = models.BooleanField(default=False)


class Collection(models.Model):
    """Something to list."""

    name = models.CharField(max_length=60)
