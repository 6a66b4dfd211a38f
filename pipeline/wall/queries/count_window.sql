-- One row for each value of one kind in the window that ends at %(at)s. `{{key}}` and `{{view}}` are names of ours.
SELECT {{key}} AS key, hits, visits, visitors
FROM bi.instant_t_{{view}}(at = %(at)s, minutes = %(minutes)s);
