# customers: who may order.
$(call service,customers)
