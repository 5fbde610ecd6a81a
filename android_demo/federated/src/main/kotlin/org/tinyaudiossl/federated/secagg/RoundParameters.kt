package org.tinyaudiossl.federated.secagg

import org.tinyaudiossl.federated.device.RunSettings
import org.tinyaudiossl.federated.records.ConfigRecord

/** A round's parameters, of which the server tells a device in the first stage. */
internal class RoundParameters(
    val shares: Int,
    val threshold: Int,
    val clippingRange: Double,
    val targetRange: Long,
    val modRange: Long,
    val maxWeight: Double,
) {
    companion object {
        private const val LARGEST_MOD_RANGE = 1L shl 32

        /**
         * Read the parameters.
         * @throws RecordException one is missing.
         * @throws RunRefusedException they hide nothing, or are not those of the run's [settings].
         */
        fun read(asked: ConfigRecord, settings: RunSettings): RoundParameters {
            val shares = asked.long("share_num")
            val threshold = asked.long("threshold")
            // Devices that can't agree on who has dropped out must not be able to give away both secrets.
            if (threshold < 2 || threshold > shares || 2 * threshold <= shares || shares > Short.MAX_VALUE) {
                throw refusal(
                    "$threshold of $shares shares unmask an update; this device takes part only if more than " +
                        "half are needed, and at least 2: raise secagg-threshold",
                )
            }
            val modRange = asked.long("mod_range")
            val targetRange = asked.long("target_range")
            if (modRange.countOneBits() != 1 || targetRange < 2 || modRange !in targetRange + 1..LARGEST_MOD_RANGE) {
                throw refusal(
                    "masks below $modRange and numbers up to $targetRange; the first must be a larger power of two, " +
                        "at most 2^32",
                )
            }
            val clippingRange = asked.double("clipping_range")
            val known = settings.number("secagg-range")
            if (clippingRange != known) {
                throw refusal("the server clips at $clippingRange; the run's secagg-range is $known")
            }
            val maxWeight = asked.double("max_weight")
            return RoundParameters(shares.toInt(), threshold.toInt(), clippingRange, targetRange, modRange, maxWeight)
        }
    }
}
