package org.tinyaudiossl.federated.secagg

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.SecureRandom
import org.tinyaudiossl.federated.records.ConfigRecord

/** After the first stage: this device has two keys for the round, one for masks, one for messages. */
internal class Prepared private constructor(
    private val nodeId: Long,
    private val parameters: RoundParameters,
    private val maskKey: AgreementKey,
    private val messageKey: AgreementKey,
    private val random: SecureRandom,
) : SecureAggregation.State {

    /** Share the seed of this device's own mask, and its key for masks, among the neighbors in [asked]. */
    fun shareKeys(asked: ConfigRecord): Pair<Sharing, Map<String, Any>> {
        val publicKeys = asked.values.keys.filter { it != "stage" }.associate { nodeId(it) to asked.blobs(it) }
        check(publicKeys)
        val seed = ByteArray(SEED_BYTES).also(random::nextBytes)
        val seedShares = Shamir.split(seed, parameters.threshold, parameters.shares, random)
        val keyShares = Shamir.split(maskKey.privatePem, parameters.threshold, parameters.shares, random)
        val secrets = HashMap<Long, ByteArray>()
        val tokens = LinkedHashMap<Long, ByteArray>()
        var own: SharePair? = null
        publicKeys.entries.forEachIndexed { i, (id, keys) ->
            val shares = SharePair(seedShares[i], keyShares[i])
            if (id == nodeId) {
                own = shares
            } else {
                val secret = messageKey.secretWith(keys[1])
                secrets[id] = secret
                val timeS = System.currentTimeMillis() / 1000
                tokens[id] = Fernet(secret).encrypt(shares.letter(nodeId, id), timeS, random)
            }
        }
        val maskKeys = publicKeys.mapValues { it.value[0] }
        val next = Sharing(nodeId, parameters, maskKey, maskKeys, secrets, seed, checkNotNull(own), random)
        return next to mapOf("dsts" to idValues(tokens.keys.toList()), "ctxts" to tokens.values.toList())
    }

    private fun nodeId(name: String): Long =
        name.toULongOrNull()?.toLong() ?: throw refusal("$name is not the id of a node")

    private fun check(publicKeys: Map<Long, List<ByteArray>>) {
        if (publicKeys.size !in parameters.threshold..parameters.shares) {
            throw refusal("${publicKeys.size} neighbors; expected ${parameters.threshold} to ${parameters.shares}")
        }
        if (publicKeys.values.any { it.size != 2 }) {
            throw refusal("a node without two public keys")
        }
        if (publicKeys.values.flatten().map { String(it) }.toSet().size != 2 * publicKeys.size) {
            throw refusal("two nodes have the same public key")
        }
        val own = publicKeys[nodeId]
        if (own == null || !own[0].contentEquals(maskKey.publicPem) || !own[1].contentEquals(messageKey.publicPem)) {
            throw refusal("the server has changed this device's public keys")
        }
    }

    companion object {
        private const val SEED_BYTES = 32

        fun begin(nodeId: Long, parameters: RoundParameters, random: SecureRandom): Pair<Prepared, Map<String, Any>> {
            val (forMasks, forMessages) = List(2) { AgreementKey.generate(random) }
            val keys = mapOf("pk1" to forMasks.publicPem, "pk2" to forMessages.publicPem)
            return Prepared(nodeId, parameters, forMasks, forMessages, random) to keys
        }
    }
}

/** One share each of a device's seed and of its key for masks. */
internal class SharePair(val seed: ByteArray, val key: ByteArray) {
    /** Return what [source] sends to [destination], to be encrypted. */
    fun letter(source: Long, destination: Long): ByteArray = ByteBuffer.allocate(HEAD_BYTES + seed.size + key.size)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(source).putLong(destination).putInt(seed.size).put(seed).put(key)
        .array()

    companion object {
        private const val HEAD_BYTES = 20

        /**
         * Read a letter.
         * @throws RunRefusedException [letter] is not from [source] to [destination].
         */
        fun read(letter: ByteArray, source: Long, destination: Long): SharePair {
            val found = ByteBuffer.wrap(letter).order(ByteOrder.LITTLE_ENDIAN)
            val isAddressed = letter.size >= HEAD_BYTES && found.long == source && found.long == destination
            val size = if (isAddressed) found.int else -1
            if (size !in 0..letter.size - HEAD_BYTES) {
                throw refusal("a share is for another node, or from another one")
            }
            val end = HEAD_BYTES + size
            return SharePair(letter.copyOfRange(HEAD_BYTES, end), letter.copyOfRange(end, letter.size))
        }
    }
}
