package org.tinyaudiossl.federated.secagg

import java.security.SecureRandom
import org.tinyaudiossl.federated.device.Reason
import org.tinyaudiossl.federated.device.RunRefusedException
import org.tinyaudiossl.federated.device.RunSettings
import org.tinyaudiossl.federated.records.ConfigRecord

/** An update before it is masked, and its weight in the mean. */
class WeightedUpdate(val update: FloatArray, val weight: Long)

/**
 * A device's side of SecAgg+ (Bell et al. 2020, CCS, doi 10.1145/3372297.3417885) in one run, as Flower's
 * `secaggplus_mod`: the server learns the sum of the devices' updates, and no single one. A round has four
 * stages: [Prepared], [Sharing] and [Masked] are the states between them, and are nowhere but in memory.
 *
 * @param nodeId of this device.
 */
class SecureAggregation(private val nodeId: Long, private val random: SecureRandom = SecureRandom()) {
    internal sealed interface State

    private var state: State? = null

    /** Whether no round is under way. */
    val isIdle: Boolean get() = state == null

    /**
     * Answer the server's [asked] of one stage. After an error the state is that of before.
     *
     * @param train is called in the third stage alone.
     * @throws RecordException something is missing in [asked].
     * @throws RunRefusedException [asked] is out of order, or would reveal this device's update.
     */
    fun answer(asked: ConfigRecord, settings: RunSettings, train: () -> WeightedUpdate): ConfigRecord {
        val stage = asked.text("stage")
        val before = state
        val (next: State?, reply: Map<String, Any>) = when {
            stage == "setup" -> Prepared.begin(nodeId, RoundParameters.read(asked, settings), random)
            stage == "share_keys" && before is Prepared -> before.shareKeys(asked)
            stage == "collect_masked_vectors" && before is Sharing -> before.mask(asked, train)
            stage == "unmask" && before is Masked -> null to before.unmask(asked)
            else -> throw refusal("stage $stage is not the next one; a round begins with setup")
        }
        state = next
        return ConfigRecord(reply)
    }
}

/** Return the refusal of one stage, which ends the round for this device. */
internal fun refusal(why: String) = RunRefusedException("secure aggregation: $why", Reason.UNPROTECTED)

/** Return ids of nodes as Flower writes them: with a sign, unless one needs all 64 bits. */
internal fun idValues(ids: List<Long>): List<Any> = if (ids.any { it < 0 }) ids.map { it.toULong() } else ids
