SELECT day, toString(academie), days FROM ent.reference_days FINAL;
