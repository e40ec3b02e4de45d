select * from marts.segment_profiles
