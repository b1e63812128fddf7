# shipping: what leaves the house.
$(call service,shipping)
