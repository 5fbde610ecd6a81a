package android.app

import android.content.Context
import android.content.DialogInterface
import android.content.pm.PackageManager
import android.view.ContextThemeWrapper

/** An activity for tests on a computer: what the user is asked, and what the system remembers. */
class Activity(private val log: MutableList<Any>) : ContextThemeWrapper() {
    var granted = false
    var refusedBefore = false

    override fun getPackageName() = "app"
    override fun checkSelfPermission(permission: String) =
        if (granted) PackageManager.PERMISSION_GRANTED else PackageManager.PERMISSION_GRANTED - 1

    fun shouldShowRequestPermissionRationale(permission: String) = refusedBefore
    fun requestPermissions(permissions: Array<String>, requestCode: Int) {
        log.add(permissions.toList())
    }

    fun show(dialog: AlertDialog.Builder) {
        log.add(dialog)
    }
}

/** A dialog whose buttons a test presses. */
class AlertDialog private constructor() {
    class Builder(private val activity: Context) {
        var message = 0
            private set
        private var positive: DialogInterface.OnClickListener? = null

        fun setMessage(message: Int) = apply { this.message = message }
        fun setPositiveButton(text: Int, listener: DialogInterface.OnClickListener?) =
            apply { positive = listener }
        fun setNegativeButton(text: Int, listener: DialogInterface.OnClickListener?) = this
        fun show(): AlertDialog = AlertDialog().also { (activity as Activity).show(this) }

        fun agree() = positive!!.onClick(null, 0)
    }
}
