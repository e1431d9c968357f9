"""What every folder of tests needs."""

pytest_plugins = ["pytester"]
