"""The whole application, told any story: customers, operators, webhooks, faults and time in an order that is drawn."""
