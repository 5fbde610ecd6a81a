package org.tinyaudiossl.federated.secagg

import org.tinyaudiossl.federated.records.ConfigRecord

/** After the third stage: this device has sent its masked update, and holds shares of its neighbors' secrets. */
internal class Masked(
    private val threshold: Int,
    private val nodeId: Long,
    private val shares: Map<Long, SharePair>, // by node
) : SecureAggregation.State {

    /**
     * Give away a share of the mask's seed of each node that has sent its update, and of the key for
     * masks of each that has not: of no node both, since these together reveal its update.
     */
    fun unmask(asked: ConfigRecord): Map<String, Any> {
        val active = asked.ids("active_nids")
        val dead = asked.ids("dead_nids")
        if (active.size < threshold) {
            throw refusal("${active.size} nodes have sent updates; at least $threshold are needed")
        }
        val all = active + dead
        if (all.toSet().size != all.size || nodeId in dead) {
            throw refusal("the server asks for both secrets of a node")
        }
        val found = active.map { held(it).seed } + dead.map { held(it).key }
        return mapOf("nids" to idValues(all), "shares" to found)
    }

    private fun held(id: Long): SharePair = shares[id]
        ?: throw refusal("this device has no share of node ${id.toULong()}")
}
