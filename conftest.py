"""Where pytest starts; the tests import `contract` from the installed package or from this checkout."""
