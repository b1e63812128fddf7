# billing: invoices and what was paid.
$(call service,billing)
