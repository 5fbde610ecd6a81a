package org.tinyaudiossl.federated.device

import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.MetricRecord
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.records.RecordException

/** What the server asks a device to do in a round; [weights] to train, [fixed] to compare. */
class TrainingRequest(val round: Long, val client: Long, val weights: FloatArray, val fixed: FloatArray) {
    companion object {
        /**
         * @param weightCount of the model that this device trains; [fixedCount] likewise.
         * @throws RecordException records are missing, of another length, or not finite.
         */
        fun read(records: RecordDict, weightCount: Int, fixedCount: Int): TrainingRequest {
            val arrays = records.record<ArrayRecord>("arrays").arrays
            val config = records.record<ConfigRecord>("config")
            return TrainingRequest(
                config.long("round"),
                config.long("client"),
                vector(arrays, "weights", weightCount),
                vector(arrays, "fixed", fixedCount),
            )
        }

        private fun vector(arrays: Map<String, NumericArray>, name: String, count: Int): FloatArray {
            val array = arrays[name] ?: throw RecordException("no array $name in the server's message")
            if (array.shape != listOf(count)) {
                throw RecordException("the server's $name have shape ${array.shape}; expected [$count]")
            }
            val values = array.floats()
            if (values.any { !it.isFinite() }) throw RecordException("the server's $name are not finite")
            return values
        }
    }
}

/** A device's part of a round; [loss] is the mean over its steps. */
class TrainingReply(
    private val round: Long,
    private val update: EncodedUpdate,
    private val recordings: Int,
    private val seconds: Double,
    private val loss: Double,
) {
    /** The message's content. A private run gets no loss, which has no noise, and no weight. */
    fun content(settings: RunSettings): Content {
        val weight = if (settings.isPrivate) 1L else minOf(recordings.toLong(), settings.maxWeight)
        val metrics = linkedMapOf<String, Any>("round" to round, "num-examples" to weight, "seconds" to seconds)
        if (!settings.isPrivate) metrics["loss"] = loss
        return Content(RecordDict(mapOf("arrays" to update.record, "metrics" to MetricRecord(metrics))))
    }
}
