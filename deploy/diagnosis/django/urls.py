"""The endpoints that the catalogue reads, and /-/change/, with which a test breaks the site. No gateway lets /-/ through."""

from django.urls import include, path
from oauth2_provider.views import ConnectDiscoveryInfoView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView
from studio import switches, views

urlpatterns = [
    path("o/.well-known/openid-configuration", ConnectDiscoveryInfoView.as_view()),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("api/v1/token/", TokenObtainPairView.as_view()),
    path("api/v1/token/refresh/", TokenRefreshView.as_view()),
    path("api/v1/aistudios/permission/", views.Permission.as_view()),
    path("api/v1/aistudios/metrics/", views.Metrics.as_view()),
    path("api/v1/aistudios/experiences/flattened/", views.Feed.as_view()),
    path("api/v1/collections/", views.Collections.as_view()),
    path("api/v1/bookings/config/", views.Bookings.as_view()),
    path("-/change/", switches.change),
]
