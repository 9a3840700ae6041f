# SPDX-License-Identifier: ISC
from django.http import HttpResponse
from django.urls import path


def hello(request):
    return HttpResponse(f'hello from {request.path}\n')


urlpatterns = [path('django', hello)]
