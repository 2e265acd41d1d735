"""What is said of a pool: status, logs, ClassAds, log bundles, versions. Changes nothing."""
