SELECT day, digest FROM ent.history FINAL;
