package org.tinyaudiossl.federated.secagg

import java.security.SecureRandom
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.NumericArray

/** After the second stage: this device has sent shares of its secrets to its neighbors. */
internal class Sharing(
    private val nodeId: Long,
    private val parameters: RoundParameters,
    private val maskKey: AgreementKey,
    private val maskKeys: Map<Long, ByteArray>, // public halves, by node
    private val secrets: Map<Long, ByteArray>, // for messages, by neighbor
    private val seed: ByteArray,
    private val own: SharePair,
    private val random: SecureRandom,
) : SecureAggregation.State {

    /** Take the neighbors' shares in [asked], train, and mask the update. */
    fun mask(asked: ConfigRecord, train: () -> WeightedUpdate): Pair<Masked, Map<String, Any>> {
        val shares = neighborsShares(asked)
        val masked = masked(train(), shares.keys)
        val arrays = masked.map { NumericArray.of(it).npy }
        return Masked(parameters.threshold, nodeId, shares + (nodeId to own)) to mapOf("masked_params" to arrays)
    }

    private fun neighborsShares(asked: ConfigRecord): Map<Long, SharePair> {
        val sources = asked.ids("srcs")
        val tokens = asked.blobs("ctxts")
        if (sources.size != tokens.size || sources.toSet().size != sources.size) {
            throw refusal("${tokens.size} shares of ${sources.toSet().size} neighbors; expected one each")
        }
        if (sources.size + 1 < parameters.threshold) {
            throw refusal("shares of ${sources.size} neighbors; at least ${parameters.threshold - 1} are needed")
        }
        return sources.zip(tokens).associate { (source, token) ->
            val secret = secrets[source]
                ?: throw refusal("a share of ${source.toULong()}, which is no neighbor in this round")
            source to SharePair.read(Fernet(secret).decrypt(token), source, nodeId)
        }
    }

    /**
     * Return the weight and the update as whole numbers, plus this device's mask, plus or less one for
     * each neighbor.
     */
    private fun masked(trained: WeightedUpdate, neighbors: Set<Long>): List<LongArray> {
        val quantizer = Quantizer(parameters.clippingRange, parameters.targetRange, random::nextDouble)
        if (trained.weight > parameters.maxWeight) {
            throw refusal("a weight of ${trained.weight}; the server takes at most ${parameters.maxWeight}")
        }
        val factor = quantizer.factor(trained.weight, parameters.maxWeight)
        val sums = listOf(longArrayOf(factor), quantizer.quantized(trained.update, factor))
        addMask(sums, seed, 1)
        for (id in neighbors) {
            val sign = if (nodeId.toULong() > id.toULong()) 1 else -1
            addMask(sums, maskKey.secretWith(maskKeys.getValue(id)), sign)
        }
        for (sum in sums) {
            for (i in sum.indices) sum[i] = sum[i] and (parameters.modRange - 1)
        }
        return sums
    }

    private fun addMask(sums: List<LongArray>, seed: ByteArray, sign: Int) {
        val masks = MaskGenerator(seed, parameters.modRange)
        for (sum in sums) {
            for (i in sum.indices) sum[i] += sign * masks.next()
        }
    }
}
