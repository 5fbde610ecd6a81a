package org.tinyaudiossl.federated.device

import org.tinyaudiossl.federated.records.ArrayRecord
import org.tinyaudiossl.federated.records.ConfigRecord
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.MetricRecord
import org.tinyaudiossl.federated.records.NumericArray
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.records.RecordException

/** The names in a message that asks for training. */
internal enum class RequestNames(val arrays: String, val config: String, val weights: String, val fixed: String) {
    OWN("arrays", "config", "weights", "fixed"),

    /** Those of Flower's older interface, which its SecAgg+ uses. */
    FIT("fitins.parameters", "fitins.config", "0", "1"),
}

/** A server's request for a round of training: [weights] to train, [fixed] to compare. */
class TrainingRequest(val round: Long, val client: Long, val weights: FloatArray, val fixed: FloatArray) {
    companion object {
        /**
         * Read a request.
         * @param weightCount of the model that this device trains; [fixedCount] likewise.
         * @throws RecordException records are missing, of another length, or not finite.
         */
        internal fun read(
            records: RecordDict,
            weightCount: Int,
            fixedCount: Int,
            names: RequestNames,
        ): TrainingRequest {
            val arrays = records.record<ArrayRecord>(names.arrays).arrays
            val config = records.record<ConfigRecord>(names.config)
            return TrainingRequest(
                config.long("round"),
                config.long("client"),
                vector(arrays, names.weights, weightCount),
                vector(arrays, names.fixed, fixedCount),
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

/**
 * A device's part of a round; [loss] is the mean over its steps. A private run gets no loss, which has no
 * noise, and no weight.
 */
internal class TrainingReply(
    private val round: Long,
    recordings: Int,
    private val loss: Double,
    private val settings: RunSettings,
) {
    /** Weight of the update in the mean. */
    val weight = if (settings.isPrivate) 1L else minOf(recordings.toLong(), settings.maxWeight)

    /** Return the message's content, after [seconds] of work. */
    fun content(update: EncodedUpdate, seconds: Double): Content {
        val metrics = metrics("num-examples" to weight, seconds)
        return Content(RecordDict(mapOf("arrays" to update.record, "metrics" to MetricRecord(metrics))))
    }

    /** Return the content for the older interface: the update is masked, and in [answer]. */
    fun maskedContent(answer: ConfigRecord, seconds: Double): Content = Content(
        RecordDict(
            mapOf(
                "fitres.metrics" to ConfigRecord(metrics(null, seconds)),
                "fitres.num_examples" to MetricRecord(mapOf("num_examples" to weight)),
                "fitres.parameters" to ArrayRecord(emptyMap()),
                "fitres.status" to ConfigRecord(mapOf("code" to 0L, "message" to "")),
                SECURE to answer,
            ),
        ),
    )

    private fun metrics(weight: Pair<String, Long>?, seconds: Double): Map<String, Any> {
        val shownLoss = ("loss" to loss).takeUnless { settings.isPrivate }
        return listOfNotNull("round" to round, weight, "seconds" to seconds, shownLoss).toMap()
    }

    companion object {
        /** The record of the protocol's own values in a message. */
        const val SECURE = "secaggplus_configs"
    }
}
