"""A batch in shards: which part of a graph can be computed shard by shard, and the graph that does so."""
