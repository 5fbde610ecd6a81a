package org.tinyaudiossl.demo

import android.Manifest.permission.RECORD_AUDIO
import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.provider.Settings

/** Asks for the microphone when it is needed, says why after a refusal, and where to undo one. */
class MicrophonePermission(private val activity: Activity, private val onGranted: () -> Unit) {

    val isGranted: Boolean
        get() = activity.checkSelfPermission(RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED

    /** Calls [onGranted] now or after the user's answer, which comes to [answered]. */
    fun ask() {
        when {
            isGranted -> onGranted()
            activity.shouldShowRequestPermissionRationale(RECORD_AUDIO) -> AlertDialog.Builder(activity)
                .setMessage(R.string.why_microphone)
                .setPositiveButton(R.string.go_on) { _, _ -> request() }
                .setNegativeButton(R.string.cancel, null)
                .show()
            else -> request()
        }
    }

    /** False if it was refused. An interrupted question has no [results], and is asked again later. */
    fun answered(results: IntArray): Boolean {
        if (isGranted) onGranted() else if (results.isNotEmpty()) offerSettings()
        return isGranted || results.isEmpty()
    }

    private fun request() = activity.requestPermissions(arrayOf(RECORD_AUDIO), 0)

    private fun offerSettings() {
        AlertDialog.Builder(activity)
            .setMessage(R.string.microphone_refused)
            .setPositiveButton(R.string.settings) { _, _ ->
                val own = Uri.fromParts("package", activity.packageName, null)
                activity.startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, own))
            }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }
}
