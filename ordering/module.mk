# ordering: what is ordered, and the sagas that see it through.
$(call service,ordering)
