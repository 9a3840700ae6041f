# SPDX-License-Identifier: ISC
"""A project in two files, with urls.py."""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    SECRET_KEY='for tests alone', ROOT_URLCONF='urls',
    ALLOWED_HOSTS=['127.0.0.1', 'localhost'], STATIC_URL='/static/',
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3',
                           'NAME': ':memory:'}})
execute_from_command_line(sys.argv)
