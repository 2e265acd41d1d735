"""Reports on a pool: status, logs, ClassAds, log bundles, versions. They change no pool."""
