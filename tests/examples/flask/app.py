# SPDX-License-Identifier: ISC
from flask import Flask

app = Flask(__name__)


@app.get('/<name>')
def hello(name):
    return f'hello from /{name}\n'
