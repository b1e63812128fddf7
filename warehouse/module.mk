# warehouse: products, stock and reservations.
$(call service,warehouse)
