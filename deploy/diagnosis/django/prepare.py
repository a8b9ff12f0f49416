"""Creates the database of a site with its accounts: owner with the API key $OWNER_KEY, other with $OTHER_KEY, and ada, who logs in."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.auth.models import Permission, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from studio.models import ApiKey, Collection  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
see = Permission.objects.get(codename="view_collection")
for name, key in {"owner": os.environ["OWNER_KEY"], "other": os.environ["OTHER_KEY"], "ada": ""}.items():
    user = User.objects.create_user(name, password=os.environ["PASSWORD"])
    user.user_permissions.add(see)
    if key:
        ApiKey.objects.create(key=key, user=user)
Collection.objects.create(name="Field notes")
