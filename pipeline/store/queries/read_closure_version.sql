SELECT max(version) FROM ent.closures WHERE closure_id = %(closure_id)s;
