"""The page of `lcomp view`: `.lic` files as every decoder shows them, beside each other and the original."""
